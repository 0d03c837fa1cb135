package azmlbatch

// Check finds what CreateOrUpdate refuses before it sends anything: a name that a new resource cannot have, an empty tag
// value, a setting that is missing or out of range, a script that cannot be imported. It sends nothing and looks at no file.
// The error is *[ArgumentError]. An asset may have no version, which means the next one.
func Check[T Endpoint | Deployment | Compute | Code | Model | Environment | Data | Component](v T) error {
	switch v := any(v).(type) {
	case Endpoint:
		return v.check(operation{"check", "endpoint", v.Name})
	case Deployment:
		return checkDeployment(operation{"check", "deployment", v.Name}, v)
	case Compute:
		_, err := checkCompute(operation{"check", "compute", v.Name}, v)
		return err
	case Code:
		return checkNewAsset(operation{"check", "code", v.Name}, v)
	case Model:
		return checkNewAsset(operation{"check", "model", v.Name}, v)
	case Environment:
		return checkNewAsset(operation{"check", "environment", v.Name}, v)
	case Data:
		return checkNewAsset(operation{"check", "data asset", v.Name}, v)
	case Component:
		return checkNewAsset(operation{"check", "component", v.Name}, v)
	}
	return nil
}

func checkNewAsset[T Asset](op operation, asset T) error {
	v := viewOf(&asset)
	if err := checkAsset(op, *v.name, *v.version); err != nil {
		return err
	}
	return any(asset).(interface{ check(operation) error }).check(op)
}
