"""Is everything in place? Small checks by real calls, none of which starts anything paid."""
