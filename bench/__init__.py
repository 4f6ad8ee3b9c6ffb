"""What Anygate costs, measured against nginx and its peers: `python -m bench --list`."""
