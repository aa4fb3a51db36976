#pragma once

#include "base/slice.h"

/* The content type of a file, by the end of its name, as web servers are usually set up. */

/* Never NULL: "application/octet-stream" where nothing else is known. */
const char *site_type(struct slice path);
