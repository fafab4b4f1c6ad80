"""Reports for product teams: goals, journeys, experiments, lifecycle. Only goals are stored."""
