"""Stand-ins of the clients that speak Kayenta's API. Each sends what the real one sends, reads what
it reads, and stops where it would stop. They share wire.py and nothing else."""
