"""What the world sees of a monitor: metrics as text, health, a landing page."""

from ml_models.exposition.render import OPENMETRICS, PLAIN, Registry, render
from ml_models.exposition.server import Endpoint, Server

__all__ = ["OPENMETRICS", "PLAIN", "Endpoint", "Registry", "Server", "render"]
