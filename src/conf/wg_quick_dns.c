#include <string.h>

#include "conf/value_parse.h"
#include "conf/wg_quick_reader.h"

/* "DNS = 10.0.0.1, corp.example.org": addresses are servers, all other words search domains. */

static enum err add_server(struct wg_quick_reader *reader, const struct address *address) {
	struct config_dns *dns = &reader->file->tunnel.dns;
	if (dns->server_count == WG_QUICK_DNS_MAX)
		return wg_quick_reader_fail(reader, reader->line, "DNS has more than %d addresses",
									WG_QUICK_DNS_MAX);
	reader->memory->dns[dns->server_count++] = *address;
	dns->servers = reader->memory->dns;
	return ERR_OK;
}

static enum err add_search(struct wg_quick_reader *reader, const char *name) {
	struct config_names *search = &reader->file->tunnel.dns.search;
	if (search->count == WG_QUICK_SEARCH_MAX)
		return wg_quick_reader_fail(reader, reader->line, "DNS has more than %d domains",
									WG_QUICK_SEARCH_MAX);
	reader->memory->search[search->count++] =
		wg_quick_reader_text(reader, (struct wg_quick_span){name, strlen(name)});
	search->items = reader->memory->search;
	return ERR_OK;
}

enum err wg_quick_dns_read(struct wg_quick_reader *reader, struct wg_quick_span value) {
	struct wg_quick_span item;
	while (wg_quick_value_next(&value, &item)) {
		char text[VALUE_NAME_SIZE + 1] = "", name[VALUE_NAME_SIZE];
		struct address address;
		if (item.size < sizeof text)
			memcpy(text, item.data, item.size);
		enum err error;
		if (address_parse(text, &address) == ERR_OK)
			error = add_server(reader, &address);
		else if (!value_parse_name(text, name))
			error = add_search(reader, name);
		else
			error = wg_quick_reader_fail(reader, reader->line,
										 "DNS has an item that is neither an address nor a domain");
		if (error)
			return error;
	}
	return ERR_OK;
}
