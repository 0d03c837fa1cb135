package local

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The values that a recording of the real service shows, and those that follow from the same rule, were computed apart from
// this package.
func TestHashesAreThoseOfAzML(t *testing.T) {
	two := map[string]string{"file1.txt": "test_737203613268-1", "file2.txt": "test_737203613268-2"}
	four := map[string]string{"file1.txt": "test_737203613268-1", "file2.txt": "test_737203613268-2", "sub/B.txt": "x", "sub/a.txt": ""}
	tests := []struct {
		name                    string
		files                   map[string]string
		single                  string // upload this one file instead of the folder
		code, uploadOld, upload string
	}{
		{name: "a folder with one file (test_create_and_get, 2023)", files: map[string]string{"code.txt": "hello world"},
			code: "49eadfeccdc40c46a054f17f07829f9bd5bf4ff0b51fb49f2de9a63d5ddf0098"},
		{name: "a folder with two (test_download_directory_code, 2023)", files: two,
			code: "8fbe362c4898ea29870a730b4552952cd1a38875fefa8b4205373a582a7f8a28", uploadOld: "fbcb29263621111516e52c0daff47029"},
		{name: "a folder with a folder", files: four,
			code: "889eb1eeb4b683f663f351512dbf500701fcf5f436f74ae3066a27b2017ada0d", uploadOld: "1de2d7748c94fdfa350820332f52137f"},
		{name: "a file (test_create_autoincrement, 2022)", files: map[string]string{"m.txt": "hello\r\n"}, single: "m.txt",
			uploadOld: "5b90126f4721a98e2b4fcda9204a387e"},
		{name: "a file (test_models_get_latest_label, 2026)", files: map[string]string{"m.txt": "hello world"}, single: "m.txt",
			uploadOld: "d6682949913d69b83b1502194b114c21", upload: "2b608faf101040092cc68cbe134142b48c35fe86093fac8e6c2d1a8c3941184e"},
		{name: "a folder (test_create_uri_folder, 2026)", files: map[string]string{"tmp_file.csv": "hello world"},
			upload: "83db92bcd10885f3d7997e615181b086591acbeaeaea31c65d6ba97a99c81020"},
		{name: "a folder (test_data_auto_delete_setting, 2026)", files: map[string]string{"tmp_file_with_auto_delete_setting.csv": "hello world"},
			upload: "3cc99b73e3d3c3eb7da1a4e446669d6180bfcfa7a8f34ce91f2bb1bc4603a110"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files, err := Scan(filepath.Join(storeFiles(t, tt.files), tt.single))
			if err != nil {
				t.Fatal(err)
			}
			code, err := files.CodeHash(t.Context(), nil)
			if err != nil || tt.code != "" && code != tt.code {
				t.Errorf("CodeHash = %s, %v, want %s", code, err, tt.code)
			}
			old, err := files.OldUploadHash(t.Context())
			if err != nil || tt.uploadOld != "" && old != tt.uploadOld {
				t.Errorf("OldUploadHash = %s, %v, want %s", old, err, tt.uploadOld)
			}
			upload, err := files.UploadHash(t.Context(), nil)
			if err != nil || tt.upload != "" && upload != tt.upload {
				t.Errorf("UploadHash = %s, %v, want %s", upload, err, tt.upload)
			}
		})
	}
}

// The folder's own name and the number of its empty sub-folders' files do not count; the names of sub-folders do.
func TestUploadHashCountsNamesOfFolders(t *testing.T) {
	hash := func(dir string) string {
		t.Helper()
		files, err := Scan(dir)
		if err != nil {
			t.Fatal(err)
		}
		h, err := files.UploadHash(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	dir := storeFiles(t, map[string]string{"a.txt": "1"})
	plain := hash(dir)
	renamed := filepath.Join(filepath.Dir(dir), "renamed")
	if err := os.Rename(dir, renamed); err != nil {
		t.Fatal(err)
	}
	if hash(renamed) != plain {
		t.Error("the folder's own name changes the hash")
	}
	if err := os.Mkdir(filepath.Join(renamed, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	if hash(renamed) == plain {
		t.Error("an empty sub-folder does not change the hash, as it does for az ml")
	}
}

func TestHashRefusesAFileThatChangedSinceTheScan(t *testing.T) {
	dir := storeFiles(t, map[string]string{"a.txt": "before"})
	files, err := Scan(dir)
	if err != nil {
		t.Fatal(err)
	}
	rewrite(t, filepath.Join(dir, "a.txt"), "after!")
	if _, err := files.CodeHash(t.Context(), nil); err == nil {
		t.Error("CodeHash of a file that was changed: no error")
	}
}

// rewrite gives a file another content of the same size, and the time of a later change.
func rewrite(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
}
