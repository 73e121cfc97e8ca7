def test_first(client, db):
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 200
