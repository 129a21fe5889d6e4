"""Its place puts this folder on the import path, so that tests in every subfolder can import `worlds`."""
