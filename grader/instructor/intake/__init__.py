"""What comes in: folders, archives, exports and repositories of people who may mean harm, read within bounds."""
