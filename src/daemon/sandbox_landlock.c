#include "daemon/sandbox_landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/landlock.h>

#include "base/cleanup.h"

/*
 * Debian 12's headers know version 2. The numbers are the kernel's interface, and one set for all
 * processors.
 */
enum {
	CREATE = 444,
	ADD_RULE = 445,
	RESTRICT_SELF = 446,
	RULE_PORT = 2,
};

#define ACCESS_TRUNCATE (UINT64_C(1) << 14)
#define ACCESS_IOCTL_DEVICE (UINT64_C(1) << 15)
#define NET_BIND_TCP (UINT64_C(1) << 0)
#define NET_CONNECT_TCP (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT_SOCKET (UINT64_C(1) << 0)
#define SCOPE_SIGNAL (UINT64_C(1) << 1)

/* The structures of the latest version; a kernel reads as much as it is told and knows. */
struct attributes {
	uint64_t files, net, scope;
};

struct port_rule {
	uint64_t allowed, port;
};

int sandbox_landlock_version(void) {
	long version = syscall(CREATE, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	return version > 0 ? (int)version : 0;
}

/* Every right that the version has. Its structure grew with it, and other sizes are refused. */
static size_t everything(int version, struct attributes *out_attributes) {
	/* Version 1 ends with MAKE_SYM, version 2 adds REFER. */
	uint64_t files = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
	if (version >= 2)
		files |= LANDLOCK_ACCESS_FS_REFER;
	if (version >= 3)
		files |= ACCESS_TRUNCATE;
	if (version >= 5)
		files |= ACCESS_IOCTL_DEVICE;
	*out_attributes = (struct attributes){
		.files = files,
		.net = version >= 4 ? NET_BIND_TCP | NET_CONNECT_TCP : 0,
		.scope = version >= 6 ? SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL : 0,
	};
	return version >= 6   ? sizeof *out_attributes
		   : version >= 4 ? offsetof(struct attributes, scope)
						  : offsetof(struct attributes, net);
}

static uint64_t rights_of(enum sandbox_landlock_access access, bool is_folder) {
	uint64_t read = LANDLOCK_ACCESS_FS_READ_FILE;
	uint64_t write = LANDLOCK_ACCESS_FS_WRITE_FILE | ACCESS_TRUNCATE;
	/* SQLite opens its folder to have the names of new files written to the disk. */
	uint64_t folder =
		LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE;
	if (access == SANDBOX_READ_FILES)
		return read;
	return read | write | (is_folder ? folder : 0);
}

static enum err add_path(int ruleset, const struct attributes *handled,
						 const struct sandbox_landlock_path *row) {
	struct stat status;
	auto_close int place = open(row->path, O_PATH | O_CLOEXEC);
	if (place < 0 || fstat(place, &status))
		return errno == ENOENT ? ERR_OK : err_from_errno(errno);
	const struct landlock_path_beneath_attr rule = {
		.allowed_access = rights_of(row->access, S_ISDIR(status.st_mode)) & handled->files,
		.parent_fd = place,
	};
	return syscall(ADD_RULE, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) ? err_from_errno(errno)
																			: ERR_OK;
}

static enum err add_port(int ruleset, const struct attributes *handled, uint16_t port) {
	const struct port_rule rule = {.allowed = NET_CONNECT_TCP, .port = port};
	if (!port || !(handled->net & NET_CONNECT_TCP))
		return ERR_OK;
	return syscall(ADD_RULE, ruleset, RULE_PORT, &rule, 0) ? err_from_errno(errno) : ERR_OK;
}

enum err sandbox_landlock_apply(const struct sandbox_landlock *rules) {
	struct attributes attributes;
	int version = sandbox_landlock_version();
	if (version == 0)
		return ERR_UNSUPPORTED;
	size_t size = everything(version, &attributes);
	if (rules->connect_anywhere)
		attributes.net &= ~NET_CONNECT_TCP;
	auto_close int ruleset = (int)syscall(CREATE, &attributes, size, 0);
	if (ruleset < 0)
		return err_from_errno(errno);
	enum err error = ERR_OK;
	for (size_t i = 0; i < rules->path_count && !error; i++)
		error = add_path(ruleset, &attributes, &rules->paths[i]);
	if (!error)
		error = add_port(ruleset, &attributes, rules->connect_port);
	if (error)
		return error;
	return syscall(RESTRICT_SELF, ruleset, 0) ? err_from_errno(errno) : ERR_OK;
}
