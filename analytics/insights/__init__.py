"""What product teams ask of events: goals, journeys, experiments, who comes back. Only goals are stored."""
