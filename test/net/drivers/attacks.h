#pragma once

/*
 * Enters the sandbox of "net" or "control", or none, and tries one thing. Returns 0 when it was
 * done, 1 when it was refused, more when it could not be tried.
 */
int attacks_main(const char *process, const char *name, const char *argument);
