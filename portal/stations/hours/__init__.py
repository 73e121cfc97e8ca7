"""Opening hours: pure rules about weekly stretches; the register keeps the rows."""
