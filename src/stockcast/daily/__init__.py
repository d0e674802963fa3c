"""Day by day without anybody: what is due, the run that does it, who is told, what starts it."""
