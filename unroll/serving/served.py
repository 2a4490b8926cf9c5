"""The model that MLflow serves: texts in, of each its label and the probability of every class out.

MLflow runs this file when it loads the package, in which it lies beside the modules that it imports;
nothing is unpickled. What a client gets wrong is answered with status 400 and the reason.
"""

import json
import sys
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext

from unroll import environment

if TYPE_CHECKING:
    from unroll.prediction.answers import Answer


class Served(PythonModel):
    """All seeds of one network on one corpus."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the models: what `package.save` laid into the folder `model`.

        Raises:
            Refusal: a file is damaged.
        """
        if "torch" not in sys.modules:  # in a process of its own, as a server is
            environment.pin()
            # mimalloc, Arrow's default, keeps pages for each thread that answered, which come and go:
            # memory of ten minutes grew by up to 2.7 %. Texts are read in the same time.
            pa.set_memory_pool(pa.system_memory_pool())
        from unroll.prediction.ensemble import Ensemble
        from unroll.text.tokenization import TextRules

        folder = Path(context.artifacts["model"])
        rules = TextRules.model_validate_json((folder / "text.json").read_text(encoding="utf-8"))
        seeds = sorted((folder / "seeds").iterdir(), key=lambda path: int(path.name))
        trained = json.loads((seeds[0] / "model.json").read_text(encoding="utf-8"))["training"]
        environment.prepare_torch("cpu", trained["matmul_precision"])
        pieces = None if rules.subwords is None else folder / "tokenizer.json"
        self.ensemble = Ensemble.load(seeds, folder / "vocabulary.txt", rules, pieces)
        # MLflow answers each request in a thread of its own, and products are chosen for a whole process.
        self.alone = Lock()

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> list[dict]:
        """Return of each text its label, probabilities and unknown words, and of several seeds how far they
        agree. A frame would say the same, in 1 ms more.

        Raises:
            MlflowException: there is no text, or one is none.
        """
        texts = model_input["text"].tolist()
        if len(texts) == 1 and isinstance(texts[0], list):  # where MLflow lays all strings of a request
            [texts] = texts
        if not texts:
            raise MlflowException.invalid_parameter_value("no text: send at least one")
        for number, text in enumerate(texts):
            if not isinstance(text, str):
                raise MlflowException.invalid_parameter_value(f"text {number} is {text!r}: send a string")
            if any("\ud800" <= sign <= "\udfff" for sign in text):
                raise MlflowException.invalid_parameter_value(f"text {number} has half a surrogate pair")
        from unroll.prediction.answers import answers

        with self.alone:
            opinions = self.ensemble.read(texts)
        return [_told(answer) for answer in answers(texts, opinions)]


def _told(answer: "Answer") -> dict:
    told = {"label": answer.label, "probabilities": answer.probabilities}
    if answer.spread is not None:
        told |= {"spread": answer.spread, "agree": answer.agree}
    return told | {"unknown": answer.unknown}


set_model(Served())
