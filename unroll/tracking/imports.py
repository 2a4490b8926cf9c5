"""What is used of MLflow, imported with its doors shut: nothing else imports it, but what a package runs."""

import os

# What MLflow does of its own accord otherwise: unpickle, run code that lies beside a model, start
# jobs, report its use to its makers, and try a dead server for minutes.
os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
os.environ.setdefault("MLFLOW_ALLOW_MODEL_CODE_EXECUTION", "false")
os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

from mlflow import MlflowClient
from mlflow.entities import (
    Dataset,
    DatasetInput,
    Experiment,
    InputTag,
    LoggedModel,
    LoggedModelOutput,
    LoggedModelStatus,
    Metric,
    Param,
    Run,
    RunInfo,
    ViewType,
)
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.pyfunc import save_model
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.entities import PagedList
from mlflow.types.schema import AnyType, Array, ColSpec, DataType, Object, Property, Schema
from sqlalchemy import Engine, event
from sqlalchemy.exc import SQLAlchemyError

__all__ = [
    "AnyType",
    "Array",
    "ArtifactRepository",
    "ColSpec",
    "DataType",
    "Dataset",
    "DatasetInput",
    "Engine",
    "Experiment",
    "InputTag",
    "LoggedModel",
    "LoggedModelOutput",
    "LoggedModelStatus",
    "Metric",
    "MlflowClient",
    "MlflowException",
    "Model",
    "ModelSignature",
    "ModelVersion",
    "Object",
    "PagedList",
    "Param",
    "Property",
    "Run",
    "RunInfo",
    "SQLAlchemyError",
    "Schema",
    "ViewType",
    "event",
    "get_artifact_repository",
    "save_model",
]
