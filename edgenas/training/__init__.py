"""Training one network: the same trainer for search trials and for the final training; schedules and loss weights."""
