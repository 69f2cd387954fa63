"""Where the trials of a run are kept: SQLite in the run folder, an Optuna journal file, or PostgreSQL."""
