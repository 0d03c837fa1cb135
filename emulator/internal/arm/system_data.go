package arm

import "github.com/azmlbatch/azmlbatch/emulator/internal/store"

// systemData says who created a resource and who changes it now. old is nil for a new resource.
func (c *call) systemData(old store.Document) store.Document {
	now := store.TimeText(c.h.now())
	author, kind := c.author()
	data := store.Document{
		"createdAt": now, "createdBy": author, "createdByType": kind,
		"lastModifiedAt": now, "lastModifiedBy": author, "lastModifiedByType": kind,
	}
	for _, name := range []string{"createdAt", "createdBy", "createdByType"} {
		if old == nil {
			break
		}
		if value, known := old[name]; known {
			data[name] = value
		} else {
			delete(data, name)
		}
	}
	return data
}
