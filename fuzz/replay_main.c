/* Runs a fuzzer's function over the files of the folders and files named: seeds as ordinary tests.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *path) {
	FILE *file = fopen(path, "rb");
	if (!file) {
		perror(path);
		return -1;
	}
	struct stat status;
	if (fstat(fileno(file), &status)) {
		perror(path);
		(void)fclose(file);
		return -1;
	}
	/* Exactly as large as the file, so that a sanitizer sees the first byte beyond it. */
	size_t size = (size_t)status.st_size;
	uint8_t *data = malloc(size > 0 ? size : 1);
	if (!data || fread(data, 1, size, file) != size) {
		(void)fprintf(stderr, "%s: cannot be read\n", path);
		free(data);
		(void)fclose(file);
		return -1;
	}
	(void)fclose(file);
	(void)LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 1;
}

static int run_folder(const char *path) {
	DIR *folder = opendir(path);
	if (!folder)
		return run_file(path);
	int count = 0;
	for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
		if (entry->d_name[0] == '.')
			continue;
		char name[4096];
		(void)snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
		int ran = run_file(name);
		if (ran < 0) {
			count = -1;
			break;
		}
		count += ran;
	}
	(void)closedir(folder);
	return count;
}

int main(int argc, char **argv) {
	int total = 0;
	for (int i = 1; i < argc; i++) {
		int count = run_folder(argv[i]);
		if (count < 0)
			return 1;
		total += count;
	}
	(void)printf("%d seeds\n", total);
	return total > 0 ? 0 : 1;
}
