package arm

import "github.com/azmlbatch/azmlbatch/emulator/internal/store"

// systemData tells who made and last changed a resource now, keeping from old who made it. Old is
// nil for something new.
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
