"""The lines of dvc.lock: put in order only where DVC wrote them (tests/doctor/test_locks.py: torn ones)."""

from unroll.pipeline import lock_text


def lock_of(*names):
    return lock_text.HEAD + "".join(f"  {name}:\n    cmd: make {name}\n" for name in names)


def test_entries_go_and_come_back_in_the_order_that_is_asked_for(tmp_path):
    lock, parked = tmp_path / "dvc.lock", tmp_path / "parked.lock"
    lock.write_text(lock_of("c", "a", "b"))
    assert lock_text.arrange(lock, parked, ["a", "b"]) == ["c"]
    assert (lock.read_text(), parked.read_text()) == (lock_of("a", "b"), lock_of("c"))
    assert lock_text.arrange(lock, parked, ["c", "b", "a", "never_run"]) == []
    assert (lock.read_text(), parked.read_text()) == (lock_of("c", "b", "a"), lock_of())


def test_an_entry_in_both_files_is_the_locks(tmp_path):
    lock, parked = tmp_path / "dvc.lock", tmp_path / "parked.lock"
    lock.write_text(lock_of("a"))
    parked.write_text(lock_of("a", "b").replace("make a", "make old"))
    lock_text.arrange(lock, parked, ["b", "a"])
    assert (lock.read_text(), parked.read_text()) == (lock_of("b", "a"), lock_of())


def test_a_lock_that_dvc_did_not_write_is_left_alone(tmp_path):
    lock, parked = tmp_path / "dvc.lock", tmp_path / "parked.lock"
    assert lock_text.arrange(lock, parked, ["a"]) == []
    assert not lock.exists()
    lock.write_text("schema: '2.0'\nstages: {a: {cmd: x}}\n")
    assert lock_text.arrange(lock, parked, []) == []
    assert lock.read_text() == "schema: '2.0'\nstages: {a: {cmd: x}}\n"
