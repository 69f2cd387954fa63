"""What the commands do, station by station, on a run folder: search, train, export."""
