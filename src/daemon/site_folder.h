#pragma once

#include "base/error.h"

/*
 * The image of a folder (proxy/site.h) in sealed memory, for a process that may open no files.
 * Names that begin with a dot are left out, ".well-known" excepted. Links are followed as long as
 * they stay inside. A file that others may not read, or a folder that they may not enter and list,
 * is an error: it is not published because this process may read everything.
 */

enum { SITE_FOLDER_PROBLEM_SIZE = 400, SITE_FOLDER_DEPTH_MAX = 16 };

/* out_problem says in a line what is wrong with which file; untouched on success. */
enum err site_folder_image(const char *folder, int *out_descriptor,
						   char out_problem[static SITE_FOLDER_PROBLEM_SIZE]);
