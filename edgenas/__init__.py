"""edgenas: finds, trains and ships multi-task dense-prediction networks for edge devices."""
