"""What runs, when and in which process; each stage through DVC."""
