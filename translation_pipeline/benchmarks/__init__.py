"""What `translation-pipeline bench` runs."""
