"""The demo: a model of flight delays meets the year 2013, with real Prometheus, Alertmanager, mail and Slack messages.

``mlmon demo`` runs it. A model that was trained on January to March predicts which flights of April to December
arrive late; a month passes in seconds. Spring makes the weather drift, June makes the model wrong, and the
notifications say so.
"""
