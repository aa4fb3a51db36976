/* The kernel's news: whatever comes, reading stays inside and what is kept within its limit. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/network_news.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_own(void *context, uint32_t interface) {
	return interface % 2 == 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct network_news news;
	const struct network_news_filter filter = {.is_own = is_own};
	uint8_t *copy = malloc(size + 1);
	if (!copy)
		return 0;
	memcpy(copy, data, size);
	(void)network_news_read(&news, &filter, copy, size);
	free(copy);
	if (news.count > NETWORK_NEWS_ADDRESSES_MAX)
		abort();
	return 0;
}
