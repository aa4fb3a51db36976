/* Any bytes are an image of a site or none; each file of one is found, and is inside of it. */
#include <stdint.h>

#include "expect.h"
#include "proxy/site.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct site *site;
	if (site_new(slice_of(data, size), NULL, &site))
		return 0;
	static const char *const paths[] = {"/", "/index.html", "/a", "/a/b", ""};
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		struct slice path = slice_of_text(paths[i]);
		const struct site_file *file = site_find(site, paths[i], path.size);
		if (!file)
			continue;
		expect(file->path.data >= data && file->path.data + file->path.size <= data + size);
		expect(file->content.size == 0 || (file->content.data >= data &&
										   file->content.data + file->content.size <= data + size));
		expect(!file->is_folder || file->content.size == 0);
	}
	site_release(site);
	return 0;
}
