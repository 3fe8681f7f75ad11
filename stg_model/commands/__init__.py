"""The commands of `stg-model`, a module for each subject."""
