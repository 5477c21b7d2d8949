"""What those who run the installation see and do; never contents."""
