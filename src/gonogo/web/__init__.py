"""The dashboard: pages, live view, decisions in the browser. It acts through the door only."""
