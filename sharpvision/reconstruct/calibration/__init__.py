"""What can be learned about a capture from its photographs: pure functions on arrays, one idea a file."""
