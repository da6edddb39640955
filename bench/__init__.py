"""What this project costs beside what its users would pick instead: `make bench`, README.md."""
