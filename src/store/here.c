#include "store/here.h"

#include <sqlite3.h>
#include <stdlib.h>

static int full_name(sqlite3_vfs *files, const char *name, int size, char *out_name) {
	(void)files;
	sqlite3_snprintf(size, out_name, "%s", name);
	return SQLITE_OK;
}

enum err here_register(void) {
	if (sqlite3_vfs_find(HERE_NAME))
		return ERR_OK;
	const sqlite3_vfs *ordinary = sqlite3_vfs_find(NULL);
	/* The library keeps it as long as the process lives. */
	sqlite3_vfs *files = ordinary ? malloc(sizeof *files) : NULL;
	if (!files)
		return ERR_NO_MEMORY;
	*files = *ordinary;
	files->zName = HERE_NAME;
	files->pNext = NULL;
	files->xFullPathname = full_name;
	return sqlite3_vfs_register(files, 0) == SQLITE_OK ? ERR_OK : ERR_NO_MEMORY;
}
