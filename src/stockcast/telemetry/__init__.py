"""What a person or a monitoring system learns of the program: its log and its metrics."""
