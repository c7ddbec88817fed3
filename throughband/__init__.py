"""The application: command line, pipeline, approval, journal and reports. No traffic rules."""
