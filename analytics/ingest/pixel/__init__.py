"""Page views of browsers without JavaScript, sent by loading an image."""
