"""The Spark target on one machine: a session, raw tables from files, tables out to files."""
