"""RSMP, the Nordic road side message protocol, as a second protocol behind `controllers.driver`."""
