"""A stand-in for OSS and IMS on one machine that does the media work for real."""
