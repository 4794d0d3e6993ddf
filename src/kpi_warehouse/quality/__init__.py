"""Quality: frozen definitions, and expectations on what was built."""
