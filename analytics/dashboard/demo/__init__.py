"""`flask demo`: a site with half a year of believable events, to look at the dashboard with."""
