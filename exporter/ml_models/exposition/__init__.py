"""What the world sees of a monitor: metrics as text, health, a landing page."""

from ml_models.exposition.guard import Guard
from ml_models.exposition.handler import Endpoint
from ml_models.exposition.render import OPENMETRICS, PLAIN, Registry, render
from ml_models.exposition.server import Server

__all__ = ["OPENMETRICS", "PLAIN", "Endpoint", "Guard", "Registry", "Server", "render"]
