"""How requests are read and answered: the application class, parameters and bodies by their schemas, compression."""
