"""Public latency tables, read as they are released, with their networks rebuilt as operator graphs."""
