#include <stdlib.h>
#include <string.h>

#include "host/dns_kept.h"
#include "host/resolv_conf.h"

/* The text of resolv.conf, and the record of what was before. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	const char *text = (const char *)data;
	struct resolv_conf file;
	struct dns_kept kept;
	resolv_conf_parse(text, size, &file);
	if (file.server_count > RESOLV_CONF_SERVERS_MAX ||
		strlen(file.options) >= sizeof file.options || strpbrk(file.options, "\n\r\t"))
		abort();
	for (size_t i = 0; i < file.server_count; i++)
		if (address_size(&file.servers[i].address) == 0)
			abort();
	if (dns_kept_parse(text, size, &kept) == ERR_OK) {
		if (kept.size > size || (kept.kind == DNS_KEPT_LINK) != (kept.link != NULL))
			abort();
		dns_kept_done(&kept);
	}
	return 0;
}
