"""The client of API functions: what ``import webapiclient`` gives.  It imports httpx."""
