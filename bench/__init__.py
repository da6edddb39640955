"""The benchmark: this project beside what its users would pick instead (`make bench`)."""
