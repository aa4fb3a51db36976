#include "daemon/node_resolvers.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

static const char *const files[] = {"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"};

enum { FILE_MAX = 65536, WORD_SIZE = 64 };

static bool is_loopback(const struct address *address) {
	static const uint8_t v6[ADDRESS_V6_SIZE] = {[15] = 1};
	return address->family == ADDRESS_V4 ? address->bytes[0] == 127
										 : memcmp(address->bytes, v6, sizeof v6) == 0;
}

static bool is_among(const struct address *address, const struct address *items, size_t count) {
	for (size_t i = 0; i < count; i++)
		if (address_equal(address, &items[i]))
			return true;
	return false;
}

size_t node_resolvers_parse(const char *text, struct address *out_addresses, size_t room) {
	static const char keyword[] = "nameserver";
	size_t count = 0;
	for (const char *line = text; *line && count < room; line += *line == '\n') {
		const char *end = line + strcspn(line, "\n");
		char word[WORD_SIZE];
		struct address address;
		if (strncmp(line, keyword, sizeof keyword - 1) == 0) {
			const char *value = line + sizeof keyword - 1;
			size_t blanks = strspn(value, " \t"), size = strcspn(value + blanks, " \t\n#;");
			if (blanks > 0 && size < sizeof word) {
				memcpy(word, value + blanks, size);
				word[size] = '\0';
				if (address_parse(word, &address) == ERR_OK && !is_loopback(&address) &&
					!is_among(&address, out_addresses, count))
					out_addresses[count++] = address;
			}
		}
		line = end;
	}
	return count;
}

size_t node_resolvers_read(struct address *out_addresses, size_t room) {
	size_t count = 0;
	for (size_t i = 0; i < sizeof files / sizeof *files && count == 0; i++) {
		auto_close int descriptor = open(files[i], O_RDONLY | O_CLOEXEC);
		auto_free char *text = calloc(1, FILE_MAX + 1);
		if (descriptor >= 0 && text && read(descriptor, text, FILE_MAX) > 0)
			count = node_resolvers_parse(text, out_addresses, room);
	}
	return count;
}
