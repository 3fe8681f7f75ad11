"""The pages' scripts and styles, packaged as annot_server.static."""
