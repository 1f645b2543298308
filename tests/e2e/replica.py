"""One replica of two models, for tests: it is told on its input what to predict and what came true."""

from __future__ import annotations

import json
import sys

from ml_models.monitoring import ModelMonitor


def main() -> None:
    """Serve both models until the input ends; answer each line once it is counted."""
    ports = [int(port) for port in sys.argv[1:3]]
    churn = ModelMonitor(name="churn", classes=["no", "yes"], port=ports[0])
    price = ModelMonitor(name="price", task="regression", port=ports[1])
    models = [churn.track(lambda given: given), price.track(lambda given: given)]
    with churn, price:
        # Counters of scores begin with the first score, so that they are scraped at 0 before labels come.
        models[0](0.5)
        print(json.dumps({"ready": True}), flush=True)
        for line in sys.stdin:
            for monitor, model, rows in zip((churn, price), models, json.loads(line), strict=True):
                for output, actual in rows:
                    model(output)
                    monitor.record_outcome(monitor.last_prediction_id(), actual)
                monitor.get_metrics()
            print(json.dumps({"done": True}), flush=True)


if __name__ == "__main__":
    main()
